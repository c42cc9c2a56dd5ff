CREATE INDEX ticks_by_sensor ON runbell.ticks (sensor_name, tick_id)
