-- Rings the daemons' channel.
SELECT runbell.ring('runbell_events')
