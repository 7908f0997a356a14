"""Line-API widgets, one file each."""
