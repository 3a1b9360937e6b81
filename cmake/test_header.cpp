// Gives the precompiled header of the unit tests a target to belong to.
