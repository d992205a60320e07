"""The model that an audit leaves behind, and what it says about new samples."""
