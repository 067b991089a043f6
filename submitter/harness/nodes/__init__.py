"""One engine over several machines: a driver that makes the runs, and a node on each other machine.

The node connects to the driver and says what it has. The driver compares that with its own, and says which ranks the
node serves. From then on the connection is the heartbeat: whoever loses it ends its side. The engine's own messages go
another way, over the engine's own sockets.
"""
