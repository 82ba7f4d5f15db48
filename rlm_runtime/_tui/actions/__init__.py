"""What the user can do in the viewer: one class for each kind of thing, mixed into the app."""
