//! `GET /metrics`: what Prometheus and those who speak its formats scrape.
//!
//! The modules are floors; each imports only from those above it in this list.

mod exposition;

mod calls;
mod of_plugins;
mod processes;

mod scrape;

pub(super) use self::scrape::scrape;
