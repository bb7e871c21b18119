"""Which part of a model spends what: time, or FLOPs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import nn

from pgf_plugin.models.encoders.bilstm import BiLSTMEncoder
from pgf_plugin.models.encoders.sequence import TemporalConv

ENCODER, MODALITIES, FUSION, HEAD, OTHER = "encoder", "modalities", "fusion", "head", "other"
COMPONENTS = (ENCODER, MODALITIES, FUSION, HEAD, OTHER)
"""The text encoder; what brings each modality by itself to the fusion; the fusion; the head; the
rest, such as the checks of a batch."""

Spent = dict[str, float]
"""What each component spent, by its name."""


@contextmanager
def spending(model: nn.Module, read: Callable[[], float]) -> Iterator[Spent]:
    """Watch the forward passes of the block, and tell at any time what each component has spent.

    What a component spends while another runs inside it is the other's: PGF-Net's blocks are
    called in the middle of the text encoder, and are its fusion all the same. All that
    ``extract`` does outside the text encoder is of the modalities, what ``fuse`` does is fusion.

    Args:
        model: a model of any kind; one that is no ``MSAModel`` has all in its fusion that is in
            neither its encoder nor its head.
        read: what has been spent so far, such as a clock; it never falls.
    """
    meter = _Meter(read)
    handles = []
    for module, name in _claims(model):
        handles.append(module.register_forward_pre_hook(meter.entering(name)))
        handles.append(module.register_forward_hook(meter.leaving))
    handles.append(model.register_forward_pre_hook(meter.entering(OTHER)))
    handles.append(model.register_forward_hook(meter.leaving))
    phases = {"extract": MODALITIES, "fuse": FUSION}
    watched = [method for method in phases if callable(getattr(model, method, None))]
    for method in watched:
        vars(model)[method] = meter.around(getattr(model, method), phases[method])
    try:
        yield meter.spent
    finally:
        for method in watched:
            del vars(model)[method]
        for handle in handles:
            handle.remove()


class _Meter:
    """A stack of the components that are running; the topmost one spends.

    Args:
        read: what has been spent so far.
    """

    def __init__(self, read: Callable[[], float]) -> None:
        self.read = read
        self.spent: Spent = dict.fromkeys(COMPONENTS, 0.0)
        self.running: list[str] = []
        self.last = 0.0

    def enter(self, name: str) -> None:
        self._charge()
        self.running.append(name)

    def leave(self) -> None:
        self._charge()
        self.running.pop()

    def entering(self, name: str | None) -> Callable[..., None]:
        """A hook that enters a component: ``name``, or that of the phase that is running."""
        return lambda *_: self.enter(name or self._phase())

    def leaving(self, *_: object) -> None:
        self.leave()

    def around(self, method: Callable, name: str) -> Callable:
        def called(*arguments, **options):
            self.enter(name)
            try:
                return method(*arguments, **options)
            finally:
                self.leave()

        return called

    def _phase(self) -> str:
        return MODALITIES if MODALITIES in self.running[:2] else FUSION

    def _charge(self) -> None:
        now = self.read()
        if self.running:
            self.spent[self.running[-1]] += now - self.last
        self.last = now


def _claims(module: nn.Module) -> Iterator[tuple[nn.Module, str | None]]:
    """The outermost modules below ``module`` that are a component; None where the phase tells."""
    for child in module.children():
        group = getattr(child, "parameter_group", None)
        if group in (ENCODER, HEAD):
            yield child, group
        elif isinstance(child, TemporalConv | BiLSTMEncoder):
            yield child, MODALITIES
        elif isinstance(child, nn.ModuleList | nn.ModuleDict):
            yield from _claims(child)
        else:
            yield child, None
            yield from _encoders_in(child)


def _encoders_in(module: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Encoders of audio and vision inside a module of the fusion, as in MMA's mixtures."""
    for child in module.modules():
        if child is not module and isinstance(child, TemporalConv | BiLSTMEncoder):
            yield child, MODALITIES
