"""The folder of learned bridges: which one is in use, what they learned, how to erase them."""
