//! The plan of the code: what stands where, and that the documents about it are true.

mod architecture;
mod claims;
mod documentation;
mod floors;
mod linux;
mod release;
mod source;
mod supply;

mod dependencies;
