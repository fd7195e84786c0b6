"""Model file and image to findings, by onnxruntime: choosing files and models, the numbers, the findings. Never torch; writes nothing."""

from breastcad.infer.results import Analysed
from breastcad.infer.run import Run, analyze, analyze_files

__all__ = ["Analysed", "Run", "analyze", "analyze_files"]
