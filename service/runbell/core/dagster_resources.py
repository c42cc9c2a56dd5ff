"""Dagster's own resources, told from others without importing Dagster."""

# The classes that a Dagster resource descends from; its own module need not be there to look at names.
_KINDS = frozenset({"ConfigurableResourceFactory", "ResourceDefinition", "TreatAsResourceParam"})


def is_dagster_resource(value: object) -> bool:
    """Is it a ConfigurableResource, a ResourceDefinition, or of another class that Dagster sets up?

    Example:
        >>> is_dagster_resource("a text")
        False
    """
    return not isinstance(value, type) and is_dagster_resource_class(type(value))


def is_dagster_resource_class(kind: object) -> bool:
    """Is this class, as a parameter's annotation, the type of such a resource?"""
    return isinstance(kind, type) and any(
        base.__name__ in _KINDS and base.__module__.partition(".")[0] == "dagster" for base in kind.__mro__
    )
