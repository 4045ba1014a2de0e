"""The software bill of materials on standard output. Run by scripts/sbom.sh with the tools of scripts/tools.sh."""

import subprocess
import sys

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from dependencies import ROOT, Dependency, debian_packages, licences, pinned_wheels
from packageurl import PackageURL


def installed_version(package: str) -> str:
    """Return the version of a Debian package here, empty where it is not installed."""
    query = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True, check=False)
    return query.stdout


def component(dependency: Dependency, expression: str | None) -> Component:
    """Describe one dependency and its licence."""
    version = dependency.version or installed_version(dependency.name)
    namespace = "debian" if dependency.ecosystem == "deb" else None
    url = PackageURL(dependency.ecosystem, namespace, dependency.name, version)
    return Component(
        type=ComponentType.LIBRARY,
        name=dependency.name,
        version=version,
        purl=url,
        bom_ref=url.to_string(),
        licenses=[LicenseFactory().make_from_string(expression)] if expression else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in dependency.sha256],
    )


def main() -> None:
    """Print the bill, or say why it is not valid."""
    bom = Bom()
    bom.metadata.component = Component(
        type=ComponentType.APPLICATION,
        name="proxprop",
        bom_ref="proxprop",
        licenses=[LicenseFactory().make_from_string("MIT")],
    )
    known = licences()
    everything = [wheel for path in sorted(ROOT.glob("requirements*.txt")) for wheel in pinned_wheels(path)]
    for dependency in everything + debian_packages():
        bom.components.add(component(dependency, known.get((dependency.ecosystem, dependency.name))))
    bom.register_dependency(bom.metadata.component, bom.components)
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.exit(f"the bill of materials is not valid CycloneDX: {error}")
    print(text)


if __name__ == "__main__":
    main()
