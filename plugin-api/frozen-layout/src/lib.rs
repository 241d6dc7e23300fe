#![doc = include_str!("../README.md")]

mod result;
mod str;

pub mod layout;

mod async_ffi;
pub mod prefix_type;
pub mod std_types;

pub mod sabi_trait;

pub mod library;

pub use self::async_ffi::FfiFuture;
