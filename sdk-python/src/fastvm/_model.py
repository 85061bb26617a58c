"""
What goes over the wire as objects, and back. A field keeps its wire name in a table of its class; what the class does
not know is kept beside it, so that a later server loses nothing by an older client.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Dict, Mapping, Optional, Tuple, Type, TypeVar, Union

M = TypeVar("M", bound="Model")


@dataclass(frozen=True)
class Ref:
    """An object of the class with this name."""

    name: str


@dataclass(frozen=True)
class Many:
    """A list of what `each` is."""

    each: "Shape"


class OneOf:
    """An object of the first of these classes that knows all that is in it."""

    def __init__(self, *options: Ref) -> None:
        self.options = options


class Moment:
    """A point in time, with its zone."""


MOMENT = Moment()
Shape = Union[Ref, Many, OneOf, Moment]


class Model:
    """The base of all that the API answers."""

    _wire_names: ClassVar[Dict[str, str]] = {}
    _shapes: ClassVar[Dict[str, Shape]] = {}
    _classes: ClassVar[Dict[str, Type["Model"]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Model._classes.setdefault(cls.__name__, cls)

    @classmethod
    def from_dict(cls: Type[M], data: Mapping[str, Any]) -> M:
        """Reads the wire's form. What is missing is None, whatever the server promised."""
        self = cls.__new__(cls)
        known = by_wire_name(cls)
        for wire, name in known.items():
            setattr(self, name, from_wire(cls._shapes.get(name), data.get(wire)))
        self.__dict__["_extra"] = {key: value for key, value in data.items() if key not in known}
        self.__dict__["_given"] = {known[key] for key in data if key in known}
        return self

    def to_dict(self) -> Dict[str, Any]:
        """The wire's form, with what this class does not know."""
        given = self.__dict__.get("_given", set())
        out: Dict[str, Any] = {}
        for name in attributes_of(type(self)):
            value = getattr(self, name)
            if value is not None or name in given:
                out[self._wire_names.get(name, name)] = to_wire(self._shapes.get(name), value)
        return {**out, **self.model_extra}

    @property
    def model_extra(self) -> Dict[str, Any]:
        """What a later server sent and this class does not know, under its wire names."""
        extra: Dict[str, Any] = self.__dict__.get("_extra", {})
        return extra

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Model) and other.to_dict() == self.to_dict()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in attributes_of(type(self)) if getattr(self, name) is not None)
        return f"{type(self).__name__}({shown})"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            extra = self.__dict__.get("_extra", {})
            for wire, value in extra.items():
                if name in (wire, snake_case(wire)):
                    return value
            raise AttributeError(f"{type(self).__name__} has no {name!r}")


def attributes_of(model: Type[Model]) -> Tuple[str, ...]:
    return tuple(by_wire_name(model).values())


_NAMES: Dict[type, Dict[str, str]] = {}


def by_wire_name(model: Type[Model]) -> Dict[str, str]:
    """Looked up once for each class."""
    names = _NAMES.get(model)
    if names is None:
        names = {model._wire_names.get(field.name, field.name): field.name for field in fields(model)}
        _NAMES[model] = names
    return names


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def from_wire(shape: Optional[Shape], value: Any) -> Any:
    """What cannot be what it should be is handed on as it came."""
    if shape is None or value is None:
        return value
    if isinstance(shape, Many):
        return [from_wire(shape.each, each) for each in value] if isinstance(value, list) else value
    if isinstance(shape, Moment):
        return parse_moment(value) if isinstance(value, str) else value
    if not isinstance(value, Mapping):
        return value
    option = choose(shape, value)
    return Model._classes[option.name].from_dict(value)


def to_wire(shape: Optional[Shape], value: Any) -> Any:
    """Takes models, mappings with Python's or the wire's names, and anything with a `to_dict`."""
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(shape, Many) and isinstance(value, (list, tuple)):
        return [to_wire(shape.each, each) for each in value]
    if not isinstance(shape, (Ref, OneOf)) or not isinstance(value, Mapping):
        return value
    model = Model._classes[choose(shape, value).name]
    known = attributes_of(model)
    by_wire = by_wire_name(model)
    out: Dict[str, Any] = {}
    for key, each in value.items():
        name = key if key in known else by_wire.get(key)
        wire = key if name is None else model._wire_names.get(name, name)
        out[wire] = to_wire(None if name is None else model._shapes.get(name), each)
    return out


def choose(shape: Union[Ref, OneOf], value: Mapping[str, Any]) -> Ref:
    if isinstance(shape, Ref):
        return shape
    return next((option for option in shape.options if fits(option, value)), shape.options[0])


def fits(shape: Optional[Shape], value: Any) -> bool:
    """Whether the shape has a place for all that the value has."""
    if value is None or shape is None or isinstance(shape, Moment):
        return True
    if isinstance(shape, Many):
        return isinstance(value, (list, tuple)) and all(fits(shape.each, each) for each in value)
    if isinstance(value, Model):
        return any(Model._classes[option.name] is type(value) for option in options_of(shape))
    if not isinstance(value, Mapping):
        return False
    return any(fits_class(Model._classes[option.name], value) for option in options_of(shape))


def options_of(shape: Union[Ref, OneOf]) -> Tuple[Ref, ...]:
    return (shape,) if isinstance(shape, Ref) else shape.options


def fits_class(model: Type[Model], value: Mapping[str, Any]) -> bool:
    known = attributes_of(model)
    by_wire = by_wire_name(model)
    for key, each in value.items():
        name = key if key in known else by_wire.get(key)
        if name is None or not fits(model._shapes.get(name), each):
            return False
    return True


FRACTION = re.compile(r"\.(\d+)")


def parse_moment(text: str) -> Any:
    """RFC 3339 with any number of digits behind the point; Python before 3.11 reads three or six, and no `Z`."""
    plain = FRACTION.sub(lambda match: "." + match.group(1)[:6].ljust(6, "0"), text.replace("Z", "+00:00"))
    try:
        return datetime.fromisoformat(plain)
    except ValueError:
        return text
