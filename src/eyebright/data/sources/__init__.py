"""Where pictures come from: one module for each form, behind one small interface."""
