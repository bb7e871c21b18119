"""Forgets what mmengine keeps for the whole process."""


def forget_mmengine() -> None:
    """Clear scope, loggers, message hub and visualizer, as a new process would begin.

    Their names end in the second in which a ``Runner`` began, and it refuses one that is taken.
    """
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.registry import DefaultScope
    from mmengine.visualization import Visualizer

    for logger in MMLogger._instance_dict.values():
        for handler in logger.handlers:
            handler.close()
    for holder in (DefaultScope, MMLogger, MessageHub, Visualizer):
        holder._instance_dict.clear()
