"""What is done with whole collections: finding near-duplicates, splitting."""
