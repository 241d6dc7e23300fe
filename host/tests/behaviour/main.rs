//! How supervisord and supervisorctl behave: stories played to the real binaries, most of them beside Supervisor 4.3.0.
//!
//! All of them are one program, so that they are linked once and the long ones run beside the short ones. What needs a
//! process to itself lies beside this directory.

// Nothing of a test is reachable from outside, so `pub` can say what its parts offer each other.
#![allow(unreachable_pub)]

mod common;

// The same calls, lines, configs and events to Supervisor and to ours.
mod config_compare;
mod ctl_compare;
mod event_listeners;
mod output;
mod random_scripts;
mod rpc_compare;
mod transcripts;

// Config, start and end.
mod bad_input;
mod check_config;
mod config_pairs;
mod daemon;
mod inherited;
mod installed;
mod lifecycle;
mod nothing_lost;
mod order;
mod reread;

// Programs.
mod dependent_startup;
mod depends_on;
mod ends;
mod environment;
mod fcgi;
mod health;
mod limits;
mod pid_one;
mod programs;
mod readiness;
mod restarts;
mod scale;
mod sd_notify;
mod spawning;
mod traps;
mod update_minimal;
mod upgrade;

// Clients and the tools.
mod closed_pipes;
mod ctl_completions;
mod ctl_follow;
mod ctl_json;
mod ctl_plugins;
mod ctl_shell;
mod log_text;
mod many_at_once;
mod metrics;
mod multicall;
mod page;
mod service_manager;
mod small_tools;
mod web;

// Plugins, and what nobody can hold up.
mod cache;
mod cache_engine;
mod example_clients;
mod plugin_events;
mod plugin_loading;
mod rules;
mod stdout_plugin;
mod twiddler;
mod unruly;

// Faults of the system, and who stops reading.
mod faults;
