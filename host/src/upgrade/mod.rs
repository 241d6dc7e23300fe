//! Upgrade in place: supervisord executes itself anew under the same pid, and nothing that it supervises stops.
//!
//! Of the two, the one that is to go checks first whether the one that is to come could go on: it runs it apart, with
//! the config as it is now and the state as it would be handed over (`check`). Then it lets clients have their answers,
//! asks plugins what they want to hand over, has everything stand still, writes the state to memory that nobody can
//! change any more (`state_file`), and executes the other (`upgrader`).
//!
//! The one that comes decodes the state, makes everything that a supervisord has, and only then begins its work: until
//! that moment it does nothing that the one before it could not go on from. If it fails till then, whatever the reason,
//! the one before is executed again from the file that was kept open, and gets the state back (`way_back`).
//!
//! The modules are floors; each imports only from those above it in this list.

mod state;

mod state_file;
mod way_back;

mod check;
pub(crate) mod fuzzing;
mod successor;

mod upgrader;

#[cfg(test)]
mod fixture_tests;

pub use self::{
    check::check_successor,
    state::{OldConfig, State},
    successor::Successor,
    upgrader::{InPlace, InPlaceParts},
};
