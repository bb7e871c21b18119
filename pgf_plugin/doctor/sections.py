"""The sections of the report, in their order."""

from pgf_plugin.doctor.machine import check_devices, check_environment, check_folder
from pgf_plugin.doctor.material import check_components, check_configs, check_encoders
from pgf_plugin.doctor.packages import check_engine, check_extras, check_versions
from pgf_plugin.doctor.report import Check

CHECKS: dict[str, Check] = {
    "versions": check_versions,
    "engine": check_engine,
    "devices": check_devices,
    "extras": check_extras,
    "encoders": check_encoders,
    "configs": check_configs,
    "components": check_components,
    "environment variables": check_environment,
    "current folder": check_folder,
}
"""Title to check."""
