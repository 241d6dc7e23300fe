//! Events of a supervisor, and the bus on which event listeners and plugins get them.
//!
//! Whoever changes something publishes the event after the change, so that a subscriber that looks sees the new state.
//! Publishing never waits: a [`Subscription`] has one bounded queue, and a subscriber that is too slow misses what does
//! not fit in there, and is told how much. The pools of event listeners are the [`EventSink`] instead, which gets each
//! event at once and has buffers of its own.
//!
//! The modules are floors; each imports only from those above it in this list.

mod bytes;
mod event_type;

mod event;

mod subscription;

mod bus;

pub(crate) use self::bytes::{bytes_repr, text};
pub use self::{
    bus::{Bus, EventSink},
    event::{Change, Channel, Event, Period},
    event_type::EventType,
    subscription::{Published, Subscription},
};
