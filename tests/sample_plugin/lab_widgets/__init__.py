"""A plugin that implements every hook: widgets of a project. Tests install it as a package."""
