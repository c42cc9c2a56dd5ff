"""Example sensors: what `runbell dev` runs. A sensor is any attribute of these modules that is one; nothing is listed.

The jobs belong to the simulated orchestrator of `runbell dev`: `extract_orders`, then `transform_orders`, then
`publish_report`; the first two fail now and then.
"""
