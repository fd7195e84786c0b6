"""Made-up images and made-up sets, in the formats that `read` reads. They test and show; they never support a claim of accuracy."""
