//! Things that hold of an engine alone.

mod alone;
mod changes;
mod many_nodes;
