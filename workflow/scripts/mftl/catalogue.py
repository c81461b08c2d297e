"""Files of others that the workflow reads: where they come from, and what is in the data sets made of them.

Imports neither torch nor ASE: the Snakefile plans with these tables. Checksums are those that the source publishes
(MD5, Zenodo) or that independent users of a file agree on (SHA-256; of rMD17's single files MD5, by one of them); where
there is none, the SHA-256 of the first download is written beside the file, and later ones are compared with it.
"""

from dataclasses import dataclass, field

RECEIPTS = "results/downloads"  # what was fetched, from where and with which checksum: outputs of the rule `download`


@dataclass(frozen=True)
class Source:
    """Where files come from: shown before they are downloaded."""

    title: str
    licence: str
    citation: str


@dataclass(frozen=True)
class File:
    """A file of a source: ``path`` in the folder of downloads, ``checksum`` as ``md5:...`` or ``sha256:...``.

    ``archive``: the checksum of an archive that holds this file and others, and that may lie in its place.
    """

    path: str
    url: str
    source: str
    checksum: str | None = None
    bytes: int | None = None
    archive: str | None = None


SOURCES = {
    "qm7x": Source(
        "QM7-X, PBE0+MBD, 4.2 million configurations of 7k molecules",
        "CC BY 4.0",
        "J. Hoja et al., Sci. Data 8, 43 (2021), doi 10.1038/s41597-021-00812-2; data doi 10.5281/zenodo.4288677",
    ),
    "tungsten-gap2014": Source(
        "Tungsten, PBE, 9693 configurations",
        "none stated; cite the paper",
        "W. J. Szlachta, A. P. Bartók, G. Csányi, Phys. Rev. B 90, 104108 (2014), doi 10.1103/PhysRevB.90.104108",
    ),
    "ccsdt-molecules": Source(
        "Benzene, toluene, malonaldehyde, ethanol at CCSD(T), aspirin at CCSD: 1500 to 2000 structures each (sGDML)",
        "none stated; cite the paper",
        "S. Chmiela et al., Nat. Commun. 9, 3887 (2018), doi 10.1038/s41467-018-06169-2",
    ),
    "rmd17": Source(
        "Revised MD17, PBE/def2-SVP, 100,000 configurations of each molecule",
        "CC0",
        "A. S. Christensen, O. A. von Lilienfeld, Mach. Learn.: Sci. Technol. 1, 045018 (2020), "
        "doi 10.1088/2632-2153/abba6f; data doi 10.6084/m9.figshare.12672038",
    ),
    "ani1x": Source(
        "ANI-1x and ANI-1ccx, ωB97X/6-31G(d) and CCSD(T)*/CBS, 5.0 and 0.5 million configurations of molecules",
        "CC0",
        "J. S. Smith et al., Sci. Data 7, 134 (2020), doi 10.1038/s41597-020-0473-z; "
        "data doi 10.6084/m9.figshare.10047041",
    ),
    "comp6": Source(
        "COMP6, ωB97X/6-31G(d), six sets of molecules to test on",
        "MIT",
        "J. S. Smith et al., J. Chem. Phys. 148, 241733 (2018), doi 10.1063/1.5023802",
    ),
    "mlearn": Source(
        "Si and Ge of mlearn, PBE, 239 and 253 configurations",
        "BSD-3-Clause",
        "Y. Zuo et al., J. Phys. Chem. A 124, 731 (2020), doi 10.1021/acs.jpca.9b08723",
    ),
    "mp-traj": Source(
        "MPtrj, relaxations of the Materials Project at PBE, as given out with MACE-MP-0 for replay",
        "CC BY 4.0, as the Materials Project",
        "B. Deng et al., Nat. Mach. Intell. 5, 1031 (2023), doi 10.1038/s42256-023-00716-3",
    ),
    "mace-off23": Source(
        "MACE-OFF23, a foundation model of organic molecules",
        "Academic Software License (ASL): FOR ACADEMIC, NON-COMMERCIAL USE ONLY. By downloading you accept it: "
        "https://github.com/gabor1/ASL",
        "D. P. Kovács et al., J. Am. Chem. Soc. 147, 17598 (2025), doi 10.1021/jacs.4c07099",
    ),
    "mace-mp-0": Source(
        "MACE-MP-0, a foundation model of materials",
        "MIT",
        "I. Batatia et al., arXiv:2401.00096 (2023)",
    ),
}

_ZENODO = "https://zenodo.org/records/4288677/files"
_SGDML = "http://www.quantum-machine.org/gdml/data/npz"
_FIGSHARE = "https://ndownloader.figshare.com/files"  # figshare.com/ndownloader answers scripts with nothing
_COMP6 = "https://raw.githubusercontent.com/isayev/COMP6/master/COMP6v1"
_MLEARN = "https://raw.githubusercontent.com/materialsvirtuallab/mlearn/master/data"
_MACE_OFF = "https://raw.githubusercontent.com/ACEsuit/mace-off/main/mace_off23"
_MACE_MP = "https://github.com/ACEsuit/mace-mp/releases/download/mace_mp_0"
_MACE_REPLAY = "https://github.com/ACEsuit/mace-foundations/releases/download/mace_mp_0b"
_QM7X = {
    "1000": ("b50c6a5d0a4493c274368cf22285503e", 715361604),
    "2000": ("4418a813daf5e0d44aa5a26544249ee6", 1043743376),
    "3000": ("f7b5aac39a745f11436047c12d1eb24e", 2052043036),
    "4000": ("26819601705ef8c14080fa7fc69decd4", 1461283500),
    "5000": ("85ac444596b87812aaa9e48d203d0b70", 1135294700),
    "6000": ("787fc4a9036af0e67c034a30ad854c07", 2016065508),
    "7000": ("5ecce00a188410d06b747cb683d8d347", 1104141872),
    "8000": ("c893ae88b8f5c32541c3f024fc1daa45", 89426884),
}
_CCSDT = {"benzene": 1500, "toluene": 1501, "malonaldehyde": 1500, "ethanol": 2000}  # structures, of which to test:
_CCSDT_TEST = {"benzene": 500, "toluene": 501, "malonaldehyde": 500, "ethanol": 1000}
_RMD17 = {  # number, MD5 and size of the file
    "aspirin": (62265757, "17fd6fb69066888613f7e16b358a7553", 153601803),
    "benzene": (62265739, "18c9242bc90fbf28215f6dd81e650f16", 88801794),
    "ethanol": (62265733, "eb837fb8deb27d4e0d52f71a03aff776", 67201791),
    "malonaldehyde": (62265736, "cdc1d70c0c34062ddde6e5071eb6fe21", 67201791),
    "toluene": (62265742, "0f2913d51f8149c90ab28d697a076f64", 110401797),
}
_RMD17_ARCHIVE = "sha256:cddeea2ec2c4b22a9de16a9a65a3eeedac5b29da9c99c20bbff0153912bf922b"  # rmd17.tar.bz2
_COMP6_FILES = {
    "ani-md": ["ANI-MD/ani_md_bench.h5"],
    "drugbank": ["DrugBank/drugbank_testset.h5"],
    "gdb07to09": [f"GDB07to09/gdb11_{n}_test500.h5" for n in ("07", "08", "09")],
    "gdb10to13": [
        f"GDB10to13/gdb{n}.h5" for n in ("11_10_test500", "11_11_test500", "13_12_test1000", "13_13_test1000")
    ],
    "s66x8": ["s66x8/s66x8_wb97x6-31gd.h5"],
    "tripeptides": ["Tripeptides/tripeptide_full.h5"],
}
_COMP6_KNOWN = {"s66x8": ("sha256:c4708b2659cc3608e231ce8d1810f8407011f94bf98739a5e427c8723b19c778", 2297079)}

FILES = {
    **{
        f"qm7x-{name}": File(f"qm7x/{name}.xz", f"{_ZENODO}/{name}.xz", "qm7x", f"md5:{md5}", size)
        for name, (md5, size) in _QM7X.items()
    },
    "qm7x-duplicates": File(
        "qm7x/DupMols.dat", f"{_ZENODO}/DupMols.dat", "qm7x", "md5:5d886ccac38877c8cb26c07704dd1034"
    ),
    # moved from libatoms.org, where it was published
    "tungsten-gap2014": File(
        "tungsten/w-14.zip", "https://qmml.org/Datasets/w-14.zip", "tungsten-gap2014", bytes=9761412
    ),
    **{
        f"ccsdt-{name}": File(f"ccsdt/{name}_ccsd_t.zip", f"{_SGDML}/{name}_ccsd_t.zip", "ccsdt-molecules")
        for name in _CCSDT
    },
    "ccsd-aspirin": File("ccsdt/aspirin_ccsd.zip", f"{_SGDML}/aspirin_ccsd.zip", "ccsdt-molecules"),
    **{
        f"rmd17-{name}": File(
            f"rmd17/rmd17_{name}.npz", f"{_FIGSHARE}/{number}", "rmd17", f"md5:{md5}", size, _RMD17_ARCHIVE
        )
        for name, (number, md5, size) in _RMD17.items()
    },
    "ani1x": File(
        "ani1x/ani1x-release.h5",
        f"{_FIGSHARE}/18112775",
        "ani1x",
        "sha256:fe0ba06198ee72cf1003deebab2652097f6ab518337784dc811fa7da0c3bf5ac",
        5590846027,
    ),
    **{
        f"comp6-{name}" + (f"-{k}" if k else ""): File(
            f"comp6/{path}", f"{_COMP6}/{path}", "comp6", *_COMP6_KNOWN.get(name, ())
        )
        for name, paths in _COMP6_FILES.items()
        for k, path in enumerate(paths)
    },
    **{
        f"mlearn-{element.lower()}-{part}": File(
            f"mlearn/{element}_{part}.json", f"{_MLEARN}/{element}/{part}.json", "mlearn"
        )
        for element in ("Si", "Ge")
        for part in ("training", "test")
    },
    "mp-traj": File("mp-traj/mp_traj_combined.xyz", f"{_MACE_REPLAY}/mp_traj_combined.xyz", "mp-traj"),
    "mace-off23-small": File(
        "mace-off23/MACE-OFF23_small.model",
        f"{_MACE_OFF}/MACE-OFF23_small.model",
        "mace-off23",
        "sha256:165cce4cfec5a34b9c64d4ebf95de15d71106bb584b7291c8470f0749977c46f",
        7347350,
    ),
    "mace-off23-medium": File(
        "mace-off23/MACE-OFF23_medium.model",
        f"{_MACE_OFF}/MACE-OFF23_medium.model",
        "mace-off23",
        "sha256:4842c52ad210d6e1f84d6cf1ffa70fae25a7e0d755ed55cf223f43913f587db7",
    ),
    "mace-off23-large": File(
        "mace-off23/MACE-OFF23_large.model",
        f"{_MACE_OFF}/MACE-OFF23_large.model",
        "mace-off23",
        "sha256:a29e397dbf3e7a24ac50a9b0dfc919bd5a62efa346f5895a6237b0950c1d76f4",
    ),
    "mace-mp-0-small": File(
        "mace-mp-0/2023-12-10-mace-128-L0_energy_epoch-249.model",
        f"{_MACE_MP}/2023-12-10-mace-128-L0_energy_epoch-249.model",
        "mace-mp-0",
        "sha256:2ddb079cee0e131eaaf6912ba581b394551ead283e95c99cfe78c605d10b5736",
        32581838,
    ),
    "mace-mp-0-medium": File(
        "mace-mp-0/2023-12-03-mace-128-L1_epoch-199.model",
        f"{_MACE_MP}/2023-12-03-mace-128-L1_epoch-199.model",
        "mace-mp-0",
        "sha256:01bfe22100139f424713cf921144e5509cbe353d67aa9fa1be9c6e1e0ed35845",
        44422970,
    ),
    "mace-mp-0-large": File(
        "mace-mp-0/2024-01-07-mace-128-L2_epoch-199.model",
        f"{_MACE_MP}/2024-01-07-mace-128-L2_epoch-199.model",
        "mace-mp-0",
        bytes=63509066,
    ),
}
MODELS = [name for name, file in FILES.items() if file.path.endswith(".model")]


@dataclass(frozen=True)
class Labelling:
    """Labels that a data set comes with, if with several: of how many structures, and whether they hold forces."""

    structures: int
    forces: bool = True

    @staticmethod
    def keys(name: str) -> tuple[str, str]:
        """Under which keys energies and forces lie where there are several labels."""
        plain = name.replace("-", "_")
        return f"REF_energy_{plain}", f"REF_forces_{plain}"


@dataclass(frozen=True)
class Dataset:
    """A data set: its ``files`` (keys of ``FILES``), how many structures they hold, and whether these are crystals.

    ``test``: how many of them have ``set=test``, as published. ``labels``: by name, if there are several.
    """

    files: list[str]
    structures: int
    periodic: bool = False
    test: int = 0
    labels: dict[str, Labelling] = field(default_factory=dict)


DATASETS = {
    "qm7x": Dataset([f"qm7x-{name}" for name in _QM7X] + ["qm7x-duplicates"], 4195237),
    "tungsten-gap2014": Dataset(["tungsten-gap2014"], 9693, periodic=True),
    "ccsdt-molecules": Dataset([f"ccsdt-{name}" for name in ("benzene", "toluene", "malonaldehyde")], 4501, test=1501),
    **{f"ccsdt-{name}": Dataset([f"ccsdt-{name}"], count, test=_CCSDT_TEST[name]) for name, count in _CCSDT.items()},
    "ccsd-aspirin": Dataset(["ccsd-aspirin"], 1500, test=500),
    **{f"rmd17-{name}": Dataset([f"rmd17-{name}"], 100000) for name in _RMD17},
    "ani1x": Dataset(
        ["ani1x"], 4956005, labels={"wb97x-dz": Labelling(4956005), "ccsdt-cbs": Labelling(489571, forces=False)}
    ),
    # those of the same file that have a label at CCSD(T)
    "ani1ccx": Dataset(
        ["ani1x"], 489571, labels={"wb97x-dz": Labelling(489571), "ccsdt-cbs": Labelling(489571, forces=False)}
    ),
    # the numbers of the paper's table: 1791, 13379, 36000, 47670, 528 and 1984
    "comp6": Dataset([name for name in FILES if name.startswith("comp6-")], 101352),
    "mlearn-si": Dataset(["mlearn-si-training", "mlearn-si-test"], 239, periodic=True, test=25),
    "mlearn-ge": Dataset(["mlearn-ge-training", "mlearn-ge-test"], 253, periodic=True, test=25),
    "mp-traj": Dataset(["mp-traj"], 1580395, periodic=True),  # all of MPtrj: the file may hold fewer
}


def receipt(name: str) -> str:
    """Where the receipt of a download lies."""
    return f"{RECEIPTS}/{name}.json"
