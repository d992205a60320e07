"""Files whose folders are their classes: of images and of texts alike."""
