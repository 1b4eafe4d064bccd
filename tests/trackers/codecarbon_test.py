# SPDX-License-Identifier: Apache-2.0
"""codecarbon: emissions.csv of a short training; then the codecarbon package's own tracker and ours append to one file in
turn, and the rows agree in columns, formulas and identities. Watts of the CPU are not compared: they follow the load
of the moment.
"""

import dataclasses
import json
import subprocess
import sys
import time

from harness import Work, expect, go_on_in

go_on_in("test-venv")
import pandas

SAME_IN_BOTH = [  # what does not depend on the moment
    "project_name",
    "experiment_id",
    "ram_power",
    "country_name",
    "country_iso_code",
    "region",
    "cloud_provider",
    "cloud_region",
    "cpu_count",
    "gpu_count",
    "gpu_model",
    "longitude",
    "latitude",
    "ram_total_size",
    "tracking_mode",
    "on_cloud",
    "pue",
    "wue",
]


def close(a, b, relative):
    return abs(a - b) <= relative * max(abs(a), abs(b), 1e-30)


def variables(settings):
    """Settings as CODECARBON_... variables, which both read."""
    return {"CODECARBON_" + name.upper(): value for name, value in settings.items()}


def train(work, output, settings):
    """A short training with our plugin."""
    args = {"num_train_epochs": 3, "per_device_train_batch_size": 8}
    work.train("codecarbon", output=output, args=args, env=variables(settings))


def track(work, output, settings):
    """The same by the package, in a process of its own, around a moment of work."""
    program = (
        "import sys, time\n"
        "from codecarbon import OfflineEmissionsTracker\n"
        "tracker = OfflineEmissionsTracker(output_dir=sys.argv[1], log_level='error')\n"
        "tracker.start()\n"
        "time.sleep(1)\n"
        "tracker.stop()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(work.path / output)],
        env=work.environment(**variables(settings)),
        cwd=work.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    expect(done.returncode == 0, f"codecarbon's tracker gave {done.returncode}:\n{done.stdout}")


def check_columns(frame):
    from codecarbon.output_methods.emissions_data import EmissionsData

    expected = [field.name for field in dataclasses.fields(EmissionsData)]
    expect(list(frame.columns) == expected, f"columns are {list(frame.columns)}, not {expected}")


def check_identities(row, tolerance, who):
    """`tolerance` is for the package, which takes the time of a row after its last measure."""
    energy = row["cpu_energy"] + row["gpu_energy"] + row["ram_energy"]
    ram = row["ram_power"] * row["duration"] / 3.6e6
    for name, found, expected, relative in [
        ("energy_consumed", row["energy_consumed"], energy, 1e-12),
        ("emissions_rate", row["emissions_rate"], row["emissions"] / row["duration"], 1e-12),
        ("ram_energy", row["ram_energy"], ram, tolerance),
        ("water_consumed", row["water_consumed"], row["wue"] * energy, 1e-12),
    ]:
        expect(close(found, expected, relative), f"{who}: {name} is {found!r}, not {expected!r}")


def check_alone(work):
    """Two trainings into one directory, with settings for everything."""
    settings = {
        "force_carbon_intensity_g_co2e_kwh": 100,
        "force_cpu_power": 50,
        "force_ram_power": 30,
        "pue": 1.25,
        "wue": 0.5,
        "project_name": "digits",
    }
    for _ in range(2):
        train(work, "alone", settings)
    output_dir = work.path / "alone"
    frame = pandas.read_csv(output_dir / "emissions.csv")
    check_columns(frame)
    expect(len(frame) == 2, f"{len(frame)} rows after two trainings")
    expect(frame["run_id"].nunique() == 2, "the two trainings have one run_id")
    for _, row in frame.iterrows():
        check_identities(row, 1e-9, "ours")
        expect(close(row["emissions"] * 1000 / row["energy_consumed"], 100, 1e-9), "not 100 g/kWh")
        expect(close(row["ram_power"], 30 * 1.25, 1e-9), f"ram_power is {row['ram_power']}")
        expect(
            0.1 * 50 * 1.25 * 0.999 <= row["cpu_power"] <= 50 * 1.25 * 1.001,
            f"cpu_power is {row['cpu_power']}, outside of 10 % to 100 % of the TDP with the PUE",
        )
        expect(row["duration"] > 0 and row["cpu_energy"] > 0, "nothing was measured")
        expect(pandas.isna(row["python_version"]), "python_version is not empty")
        time.strptime(row["timestamp"], "%Y-%m-%dT%H:%M:%S")
    methods = json.loads((output_dir / "emissions_method.json").read_text())
    expect(methods["run_id"] == frame["run_id"].iloc[-1], "emissions_method.json is of another run")


def check_side_by_side(work, name, settings):
    """The package, ours and the package again append to one file; then the rows are compared."""
    output_dir = work.path / name
    output_dir.mkdir()
    track(work, name, settings)
    train(work, name, settings)
    track(work, name, settings)
    backups = list(output_dir.glob("*.bak"))
    expect(not backups, f"{name}: the other's file was not recognised: {backups}")
    frame = pandas.read_csv(output_dir / "emissions.csv")
    check_columns(frame)
    expect(len(frame) == 3, f"{name}: {len(frame)} rows, not 3")
    theirs, ours = frame.iloc[0], frame.iloc[1]
    expect("LibTrainer" in ours["codecarbon_version"], f"{name}: row 2 is not ours")
    for column in SAME_IN_BOTH:
        a, b = theirs[column], ours[column]
        same = (pandas.isna(a) and pandas.isna(b)) or a == b
        if not same and isinstance(a, float) and isinstance(b, float):
            same = close(a, b, 1e-9)
        expect(same, f"{name}: {column} is {b!r}, the package has {a!r}")
    check_identities(theirs, 0.25, "the package")
    check_identities(ours, 1e-9, "ours")
    factors = [row["emissions"] / row["energy_consumed"] for row in (theirs, ours)]
    expect(close(*factors, 1e-9), f"{name}: kg CO2e/kWh are {factors}")


with Work() as work:
    check_alone(work)
    check_side_by_side(
        work,
        "forced",
        {
            "country_iso_code": "DEU",
            "region": "Bavaria",
            "force_carbon_intensity_g_co2e_kwh": 123.5,
            "force_ram_power": 17,
        },
    )
    check_side_by_side(work, "country", {"country_iso_code": "FRA", "pue": 1.5, "wue": 1.8})
print("codecarbon: two trainings alone, two files shared with the codecarbon package: ok")
