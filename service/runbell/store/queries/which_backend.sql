-- Which of the server's processes answers this statement?
SELECT pg_backend_pid() AS backend
