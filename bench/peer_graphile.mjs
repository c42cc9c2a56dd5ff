// A graphile-worker that answers status changes. Run as `node peer_graphile.mjs URL install|work` by the benchmarks;
// GRAPHILE_WORKER names the folder that `npm install graphile-worker` has filled.
// Each status change adds a job in its own transaction; the job inserts the run request.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.GRAPHILE_WORKER}/`);
const { run, runMigrations } = require("graphile-worker");
const { Pool } = require("pg");

const INSERT = `
INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name)
VALUES ('graphile', $1, 0, 'sql', 'follow_up')`;

// What node-postgres reads a Unix socket from differs from what libpq does, and no URL has a user without a host.
const url = new URL(process.argv[2].replace("@/", "@localhost/"));
const config = {
  host: url.searchParams.get("host") ?? url.hostname,
  port: Number(url.searchParams.get("port") ?? url.port ?? 5432),
  database: url.pathname.slice(1),
  user: url.username,
  max: 10,
};

if (process.argv[3] === "install") {
  const pool = new Pool(config);
  await runMigrations({ pgPool: pool });
  await pool.end();
} else {
  await run({
    pgPool: new Pool({ ...config, application_name: "graphile worker" }),
    preset: { worker: { concurrentJobs: 24, completeJobBatchDelay: 0, localQueue: { size: 500 } } },
    taskList: { answer: async ({ event_id }, { query }) => void (await query(INSERT, [event_id])) },
  });
}
