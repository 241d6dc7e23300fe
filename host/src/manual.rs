//! Manual for operators: from the first config to upgrades, one chapter in each module.
//!
//! The order to read it in: [`first_steps`], [`coming_from_supervisor`], [`containers`], [`options`], [`events`],
//! [`rpc`], [`plugins`], [`upgrade`], [`cache_stores`], [`security`]. The chapters are the files of `host/manual`, and
//! there in the documentation alone; their configs are checked by a test.

/// Make a module of each chapter.
macro_rules! chapters {
    ($($chapter:ident: $file:literal,)*) => {
        $(pub mod $chapter { #![doc = include_str!(concat!("../manual/", $file))] })*
    };
}

chapters! {
    first_steps: "first-steps.md",
    coming_from_supervisor: "coming-from-supervisor.md",
    containers: "containers.md",
    options: "options.md",
    events: "events.md",
    rpc: "rpc.md",
    plugins: "plugins.md",
    upgrade: "upgrade.md",
    cache_stores: "cache-stores.md",
    security: "security.md",
}
