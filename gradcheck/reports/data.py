"""Reports and sessions as plain data, as JSON, and read back; all derived from the dataclasses by msgspec.

JSON has no NaN and no infinity: they are the strings "nan", "inf" and "-inf". A complex number is a number
where it is real, else [real part, imaginary part]. ``python -m gradcheck.reports.data`` prints the JSON schema.
"""

from __future__ import annotations

import inspect
import json
import math
import numbers
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from gradcheck.errors import ArgumentError
from gradcheck.verdicts.certificate import Verdict
from gradcheck.verdicts.report import Report

VERSION = 2  # counts up when a field goes or changes its meaning, not when one is added
NUMBER = {
    "description": 'A real number. Infinity and NaN are strings: "inf", "-inf", "nan".',
    "anyOf": [{"type": "number"}, {"enum": ["inf", "-inf", "nan"]}],
}
COMPLEX = {
    "description": "A number, or [real part, imaginary part].",
    "anyOf": [
        {"$ref": "#/$defs/number"},
        {"type": "array", "prefixItems": [{"$ref": "#/$defs/number"}] * 2, "items": False, "minItems": 2},
    ],
}


# Out ------------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return a dataclass, or anything made of dataclasses, as dicts, lists, strings and finite numbers.

    Numbers of other types (NumPy's, Fraction) become Python's. Characters that UTF-8 cannot encode are written as
    their escapes.
    """
    return writable(msgspec.to_builtins(value, enc_hook=_number))


def _number(value: Any) -> Any:
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    if isinstance(value, numbers.Complex):
        value = complex(value)
        return value.real if value.imag == 0 < math.copysign(1, value.imag) else [value.real, value.imag]
    raise NotImplementedError(f"a {type(value).__name__} is no data of a report")


def writable(value: Any) -> Any:
    """Return a value as JSON can hold it: numbers that are not finite, and texts that no file takes, as others."""
    if isinstance(value, dict):
        return {writable(k): writable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [writable(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value


def report_data(report: Report) -> dict[str, Any]:
    """Return a report as plain data: its fields, and what it derives from them."""
    derived = {
        "schema": VERSION,
        "verdict": str(report.verdict),
        "smallest_error": writable(float(report.smallest_error)),
    }
    return {**derived, **plain(replace(report))}  # its fields alone, without what the gradient raised


def as_json(data: dict[str, Any]) -> str:
    """Return plain data as JSON text."""
    return json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


# In -------------------------------------------------------------------------------------------------------


def report_of(text: str | bytes) -> Report:
    """Return the report that was written as this text; see `Report.from_json`."""
    try:
        data = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ArgumentError(f"the text is no JSON of a report: {error}") from None
    if data.get("schema") != VERSION:
        raise ArgumentError(
            f"the data have schema={data.get('schema')!r}, wanted {VERSION}, which this version of gradcheck writes: "
            "save the report with this version"
        )
    return report_from(data)


def report_from(data: dict[str, Any]) -> Report:
    """Return the report of plain data."""
    try:
        return msgspec.convert(data, Report, strict=False, dec_hook=_read)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ArgumentError(f"the data are no report: {error}") from None


def _read(type_: type, value: Any) -> Any:
    if type_ is not complex:
        raise NotImplementedError(type_)
    if isinstance(value, list) and len(value) == 2:
        return complex(float(value[0]), float(value[1]))
    return complex(float(value))


# The schema -----------------------------------------------------------------------------------------------


def schema() -> dict[str, Any]:
    """Return the JSON schema of what is written: every field is there, and none besides."""
    (report,), parts = msgspec.json.schema_components([Report], schema_hook=_schema_of)
    parts = {name: _exact(part) for name, part in parts.items()}
    version = {"const": VERSION, "description": "Counts up when a field goes or changes its meaning."}
    count = {"type": "integer", "minimum": 0}
    whole = parts["Report"]
    whole["properties"] = {
        "schema": version,
        "verdict": {"$ref": "#/$defs/Verdict"},
        "smallest_error": {"$ref": "#/$defs/number"},
        **whole["properties"],
    }
    for name in ("seed", "evaluations", "gradient_evaluations", "contract_evaluations"):
        whole["properties"][name] = count
    text = {"type": "string"}
    verdicts = _object("How many checks ended how.", {str(verdict): count for verdict in Verdict})
    record = {
        "test": text,
        "outcome": {"enum": ["", "passed", "failed", "skipped", "xfailed"]},
        "expected": {"type": "boolean", "description": "No PASS, and the test meant it so."},
        "checks": count,
        "verdicts": {**verdicts, "required": []},
        "evaluations": count,
        "report": {"anyOf": [report, {"type": "null"}]},
        "problem": {**text, "description": "Why there is no report; empty where there is one."},
    }
    session = _object(
        "The checks of a test session; for each function in each test its worst report, the worst first.",
        {
            "schema": version,
            "checks": count,
            "evaluations": count,
            "verdicts": verdicts,
            "tests": {"type": "array", "items": _object("All checks of one function in one test.", record)},
        },
    )
    whole["required"] = list(whole["properties"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Data of gradcheck",
        "description": 'What Report.save("report.json") and pytest\'s --gradcheck-report=report.json write.',
        "oneOf": [report, {"$ref": "#/$defs/session"}],
        "$defs": {"number": NUMBER, "complex": COMPLEX, **parts, "session": session},
    }


def _object(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": description,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _schema_of(type_: type) -> dict[str, Any]:
    if type_ is not complex:
        raise NotImplementedError(type_)
    return {"$ref": "#/$defs/complex"}


def _exact(part: Any) -> Any:
    """Return a part of msgspec's schema with numbers that may be infinite, and with no field left out or added."""
    if isinstance(part, list):
        return [_exact(each) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("type") == "number":
        return {"$ref": "#/$defs/number"}
    part = {key: _exact(value) for key, value in part.items() if key != "default"}
    if isinstance(part.get("description"), str):
        part["description"] = inspect.cleandoc(part["description"])
    if "properties" in part:
        part |= {"required": list(part["properties"]), "additionalProperties": False}
    return part


if __name__ == "__main__":
    print(as_json(schema()), end="")  # noqa: T201  what the module prints when it is run
