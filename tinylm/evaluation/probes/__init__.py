"""What is measured on a trained model after its run, each as one JSON file beside its record."""
