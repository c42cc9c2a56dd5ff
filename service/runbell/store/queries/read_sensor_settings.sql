-- What operators have decided of each sensor.
-- → sensor_name, state (declared, running, stopped)
SELECT s.sensor_name, s.state
FROM runbell.sensors AS s
ORDER BY s.sensor_name
