"""A step of a run by its key: the node that it executes, and the graphs around that."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeHandle:
    """A node, and the node of the graph that it stands in.

    Example:
        >>> str(NodeHandle("load", NodeHandle("etl"))), NodeHandle("load", NodeHandle("etl")).path
        ('etl.load', ['etl', 'load'])
    """

    name: str
    parent: "NodeHandle | None" = None

    def __str__(self) -> str:
        return self.to_string()

    def to_string(self) -> str:
        return ".".join(self.path)

    @property
    def path(self) -> list[str]:
        return [*(self.parent.path if self.parent else ()), self.name]

    @property
    def root(self) -> "NodeHandle":
        return self.parent.root if self.parent else self


@dataclass(frozen=True, slots=True)
class StepHandle:
    """A step: its key, and its node.

    Example:
        >>> StepHandle.read("etl.load[2]").node_handle.name
        'load'
    """

    key: str
    node_handle: NodeHandle

    @classmethod
    def read(cls, key: str) -> "StepHandle":
        """From a step's key; what stands in brackets behind it tells the steps of one node apart."""
        handle: NodeHandle | None = None
        for name in key.partition("[")[0].split("."):
            handle = NodeHandle(name, handle)
        return cls(key, handle or NodeHandle(key))

    @property
    def node_name(self) -> str:
        return self.node_handle.name

    def to_key(self) -> str:
        return self.key
