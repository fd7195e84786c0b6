"""Windows on images: where they lie, how much lesion they hold, the table of them."""
