"""The generated parts of the exported clients: what a client has is what its contracts have.

A noun is a module of `contracts/gateway`; a service's client has all that the service answers to others.
"""

import ast
import importlib
from pathlib import Path

import tidemill
from tidemill.contracts.gateway import Gateway
from tidemill.kit.contract import Contract, endpoints

SOURCE = Path(tidemill.__file__).parent
CLIENT = SOURCE / "contracts" / "client"
#: Services that have clients, in the order in which their classes stand.
SERVICES = ("configstore", "runservice", "notification")

_MADE = "made by make fmt from the contracts."
_WIDTH = 110


def nouns() -> dict[str, list[type[Contract]]]:
    """The contracts of the public API by noun, in the order of the nouns."""
    found: dict[str, list[type[Contract]]] = {}
    for contract in Gateway.__bases__:
        found.setdefault(contract.__module__.rpartition(".")[2], []).append(contract)
    return dict(sorted(found.items()))


def faces() -> dict[str, list[type[Contract]]]:
    """What each service with a client answers to others, as its method `faces` says."""
    found: dict[str, list[type[Contract]]] = {}
    for name in SERVICES:
        path = SOURCE / "services" / name / "service.py"
        if path.exists():
            module = importlib.import_module(f"tidemill.services.{name}.service")
            found[name] = [getattr(module, key) for key in _keys(path)]
    return found


def _keys(path: Path) -> list[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name == "faces":
            (answered,) = [part.value for part in ast.walk(node) if isinstance(part, ast.Return)]
            assert isinstance(answered, ast.Dict), f"{path}: faces answers a literal"
            return [key.id for key in answered.keys if isinstance(key, ast.Name)]
    raise AssertionError(f"{path} has no faces")


def gateway() -> str:
    """`contracts/client/gateway.py`."""
    lines = [
        f'"""The client of the public API by noun; {_MADE}"""',
        "",
        "from functools import cached_property",
        "",
        *sorted(["from tidemill.contracts.client.nouns import Nouns", *_imports(nouns(), "gateway.")]),
    ]
    for noun, contracts in nouns().items():
        bases = ", ".join(contract.__name__ for contract in contracts)
        lines += ["", "", f"class {_class(noun)}({bases}):", f'    """{_about(contracts)}"""']
    lines += ["", "", "class GatewayClient(Nouns):", '    """The public API; each attribute is a noun."""']
    for noun, contracts in nouns().items():
        lines += [
            "",
            "    @cached_property",
            f"    def {noun}(self) -> {_class(noun)}:",
            f'        """{_about(contracts)}"""',
            f"        return self._noun({_class(noun)})",
        ]
    return "\n".join(lines) + "\n"


#: As the formatter has it.
_LONGEST_LINE = 110


def services() -> str:
    """`contracts/client/services.py`."""
    lines = [f'"""The clients of internal services; {_MADE}"""', "", *sorted(_imports(faces(), ""))]
    for name, contracts in faces().items():
        _check_unique(contracts)
        bases = ", ".join(contract.__name__ for contract in contracts)
        head = f"class {name.capitalize()}Client({bases}):"
        if len(head) > _LONGEST_LINE:
            each = "".join(f"    {contract.__name__},\n" for contract in contracts)
            head = f"class {name.capitalize()}Client(\n    {bases}\n):"
            if len(bases) > _LONGEST_LINE - 4:
                head = f"class {name.capitalize()}Client(\n{each}):"
        lines += ["", "", head, f'    """All that the {name} answers to others."""']
    return "\n".join(lines) + "\n"


def sync_nouns() -> str:
    """`contracts/client/sync/nouns.py`."""
    lines = [
        f'"""The nouns of the public API without `await`; {_MADE}"""',
        "",
        *sorted([_BLOCKING, *_imports(nouns(), "gateway.")]),
    ]
    for noun, contracts in nouns().items():
        lines += ["", "", f"class {_class(noun)}(Blocking):", f'    """{_about(contracts)}"""', ""]
        lines += _methods(contracts)
    return "\n".join(lines) + "\n"


def sync_gateway() -> str:
    """`contracts/client/sync/gateway.py`."""
    lines = [
        f'"""The client of the public API by noun, without `await`; {_MADE}"""',
        "",
        "from functools import cached_property",
        "",
        "from tidemill.contracts.client.sync import nouns",
        "from tidemill.contracts.client.sync.blocking import Blocking",
        "",
        "",
        "class GatewayClient(Blocking):",
        '    """The public API; each attribute is a noun."""',
    ]
    for noun, contracts in nouns().items():
        lines += [
            "",
            "    @cached_property",
            f"    def {noun}(self) -> nouns.{_class(noun)}:",
            f'        """{_about(contracts)}"""',
            f"        return nouns.{_class(noun)}(self._portal, self._target.{noun})",
        ]
    return "\n".join(lines) + "\n"


def sync_services() -> str:
    """`contracts/client/sync/services.py`."""
    lines = [
        f'"""The clients of internal services without `await`; {_MADE}"""',
        "",
        *sorted([_BLOCKING, *_imports(_declaring(faces()), "")]),
    ]
    for name, contracts in faces().items():
        about = f'    """All that the {name} answers to others."""'
        lines += ["", "", f"class {name.capitalize()}Client(Blocking):", about, ""]
        lines += _methods(contracts)
    return "\n".join(lines) + "\n"


_BLOCKING = "from tidemill.contracts.client.sync.blocking import Blocking, blocking, blocking_stream"


def _methods(contracts: list[type[Contract]]) -> list[str]:
    lines = []
    for contract in contracts:
        for endpoint in endpoints(contract):
            declaring = next(cls for cls in contract.__mro__ if endpoint.name in vars(cls))
            kind = "blocking_stream" if endpoint.streams else "blocking"
            lines.append(f"    {endpoint.name} = {kind}({declaring.__name__}.{endpoint.name})")
    return lines


def _module(contract: type[Contract]) -> str:
    return contract.__module__.rpartition(".")[2]


def _declaring(by_name: dict[str, list[type[Contract]]]) -> dict[str, list[type[Contract]]]:
    """The same by where each method is declared, which may be a class that a contract inherits from."""
    return {
        name: [cls for contract in contracts for cls in contract.__mro__ if endpoints_of_its_own(cls)]
        for name, contracts in by_name.items()
    }


def endpoints_of_its_own(cls: type) -> bool:
    """Whether methods are declared in *cls* itself."""
    return any(hasattr(method, "__route__") for method in vars(cls).values())


def _imports(by_name: dict[str, list[type[Contract]]], package: str) -> list[str]:
    by_module: dict[str, set[str]] = {}
    for contracts in by_name.values():
        for contract in contracts:
            by_module.setdefault(_module(contract), set()).add(contract.__name__)
    return [_import(f"tidemill.contracts.{package}{module}", names) for module, names in by_module.items()]


def _import(module: str, names: set[str]) -> str:
    whole = f"from {module} import {', '.join(sorted(names))}"
    if len(whole) <= _WIDTH:
        return whole
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in sorted(names)) + ")"


def _class(noun: str) -> str:
    return "".join(part.capitalize() for part in noun.split("_"))


def _about(contracts: list[type[Contract]]) -> str:
    """The first sentence of the noun's module."""
    text = (importlib.import_module(contracts[0].__module__).__doc__ or "").split("\n\n")[0]
    sentence = " ".join(text.split())
    return (
        sentence
        if len(sentence) < _WIDTH - 15
        else f"{sentence.partition(':')[0].partition(' (')[0].rstrip('.')}."
    )


def _check_unique(contracts: list[type[Contract]]) -> None:
    names = [endpoint.name for contract in contracts for endpoint in endpoints(contract)]
    twice = sorted({name for name in names if names.count(name) > 1})
    assert not twice, f"methods of one client have one name each: {twice}"


#: The modules that are made whole.
MADE = {
    CLIENT / "gateway.py": gateway,
    CLIENT / "services.py": services,
    CLIENT / "sync" / "nouns.py": sync_nouns,
    CLIENT / "sync" / "gateway.py": sync_gateway,
    CLIENT / "sync" / "services.py": sync_services,
}
