"""Setting an instance of libdftbplus back to neutral atoms, by a routine of its Fortran interface.

The C interface lacks one. In the Fortran interface (api/mm/mmapi.F90) ``setSpeciesAndDependents``, meant for atoms that
change their order, sets the charges back to those that the instance was started with. It is called here with the order
that there is, by the conventions of gfortran 9 and later, which all published builds are made with. Whether that works
is found out by the caller, who has to see the same numbers again.
"""

import ctypes
from typing import Any

NAME = "__dftbp_mmapi_MOD_tdftbplus_setspeciesanddependents"
CLASS = "__dftbp_mmapi_MOD___vtab_dftbp_mmapi_Tdftbplus"
INTEGER, CHARACTER = 1, 6  # gfortran's numbers of types
LENGTH = 8  # characters of an element's name, filled up with blanks


class _Dimension(ctypes.Structure):
    _fields_ = (("stride", ctypes.c_ssize_t), ("lower", ctypes.c_ssize_t), ("upper", ctypes.c_ssize_t))


class _Array(ctypes.Structure):
    """gfortran's descriptor of an array of rank one."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("offset", ctypes.c_ssize_t),
        ("element_length", ctypes.c_size_t),
        ("version", ctypes.c_int),
        ("rank", ctypes.c_byte),
        ("type", ctypes.c_byte),
        ("attribute", ctypes.c_short),
        ("span", ctypes.c_ssize_t),
        ("dimension", _Dimension * 1),
    )


class _Object(ctypes.Structure):
    """gfortran's polymorphic object."""

    _fields_ = (("data", ctypes.c_void_p), ("type", ctypes.c_void_p))


class Neutral:
    """Sets the instance at ``address``, of atoms with these symbols, back; ``available`` tells if it can."""

    def __init__(self, library: ctypes.CDLL, address: int, symbols: list[str]):
        self._function: Any = getattr(library, NAME, None)
        self.available = self._function is not None and hasattr(library, CLASS)
        if self.available:
            species = list(dict.fromkeys(symbols))
            self._names = ctypes.create_string_buffer("".join(one.ljust(LENGTH) for one in species).encode())
            self._numbers = (ctypes.c_int * len(symbols))(*(species.index(one) + 1 for one in symbols))
            type_ = ctypes.addressof(ctypes.c_char.in_dll(library, CLASS))
            self._arguments = (
                ctypes.byref(_Object(address, type_)),
                ctypes.byref(_array(self._names, CHARACTER, LENGTH, len(species))),
                ctypes.byref(_array(self._numbers, INTEGER, ctypes.sizeof(ctypes.c_int), len(symbols))),
                ctypes.c_size_t(LENGTH),
            )

    def restore(self) -> None:
        """Start the next calculation from neutral atoms."""
        self._function(*self._arguments)


def _array(buffer: ctypes.Array, type_: int, element_length: int, count: int) -> _Array:
    whole = (_Dimension * 1)(_Dimension(1, 1, count))
    return _Array(ctypes.addressof(buffer), -1, element_length, 0, 1, type_, 0, element_length, whole)
