"""Steps that know what a picture shows: the breast, the pectoral muscle, what was laid on the film or burnt into the scan, candidates."""

from __future__ import annotations

from dataclasses import replace

from breastcad.core.seeding import generator
from breastcad.preprocess.artefacts import without_artefacts as suppressed
from breastcad.preprocess.breast_region import breast_region
from breastcad.preprocess.candidates import candidates as proposed
from breastcad.preprocess.inpainting import without_overlays as filled
from breastcad.preprocess.pectoral import pectoral_muscle
from breastcad.preprocess.prepared import Prepared, known_tissue


def breast(prepared: Prepared) -> Prepared:
    """Find the breast, with the pectoral muscle where it shows: from then on it is the tissue, and nothing is changed."""
    found = replace(prepared, tissue=breast_region(prepared.pixels))
    return found if known_tissue(found).any() else found.remarked("no breast found")


def without_pectoral(prepared: Prepared) -> Prepared:
    """Take the pectoral muscle out of the tissue, on MLO views; the pixels stay until `blacken_outside`."""
    tissue = known_tissue(prepared)
    muscle = pectoral_muscle(prepared.pixels, tissue, view=prepared.view)
    if not muscle.mask.any():
        return prepared.remarked(f"no pectoral muscle taken out: {muscle.reason}")
    return replace(prepared, tissue=tissue & ~muscle.mask)


def without_artefacts(prepared: Prepared) -> Prepared:
    """Fill markers, clips and scratches within the breast, and coarse calcifications, which look alike: not where those are looked for."""
    pixels, _ = suppressed(prepared.pixels, known_tissue(prepared))
    return replace(prepared, pixels=pixels)


def without_overlays(prepared: Prepared, *, texture: bool = True) -> Prepared:
    """Fill text, calipers, arrows and marks that are burnt into an ultrasound picture, and with texture lay speckle over the filling."""
    pixels, _ = filled(prepared.pixels, prepared.colour, generator=generator(0, "overlays") if texture else None)
    return replace(prepared, pixels=pixels, colour=None)


def candidates(prepared: Prepared, *, most: int = 8) -> Prepared:
    """Propose regions of interest within the tissue by image processing alone, best first; the pixels stay."""
    found = proposed(prepared.pixels, known_tissue(prepared), most=most)
    to_source = prepared.placement.to_source
    return replace(prepared, candidates=tuple((to_source(one.box), one.score) for one in found))
