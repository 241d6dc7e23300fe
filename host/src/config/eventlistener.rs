//! `[eventlistener:x]`: a group of processes that are sent events.

use super::{
    error::ConfigError,
    model::{EventListenerPool, FactorySpec, Group, GroupKind, Library},
    options::{eventlistener as of_listener, program},
    programs::Programs,
    reader::Reader,
    sections::Section,
};
use crate::events::EventType;

/// Supervisor's own judge of a listener's answers: `OK` is good, all else rejects the event.
const DEFAULT_HANDLER: &str = "supervisor.dispatchers:default_handler";

/// Make the group of `[eventlistener:x]`.
pub(super) fn eventlistener<'a>(programs: &Programs<'a>, name: &str, section: &'a Section) -> Option<Group> {
    let reader = programs.reader(section);
    let section_name = &section.name;
    let priority = reader.get(&of_listener::priority);
    let buffer_size = reader.get(&of_listener::buffer_size);
    if buffer_size < 1 {
        let message = format!("[{section_name}] section sets invalid buffer_size ({buffer_size})");
        reader.fail(of_listener::buffer_size.key, message);
    }
    let result_handler = result_handler(&reader);
    let events = reader.get(&of_listener::events);
    if events.is_empty() {
        reader.fail(of_listener::events.key, format!("[{section_name}] section requires an \"events\" line"));
    }
    let mut types = Vec::new();
    for event in &events {
        // Those of plugins are checked when the plugins are there.
        let of_a_plugin = || EventType::of_a_plugin(event).filter(|_| programs.has_plugins);
        let known = EventType::built_in(event)
            .or_else(of_a_plugin)
            .ok_or_else(|| format!("Unknown event type {} in [{section_name}] events", event.to_uppercase()));
        types.extend(reader.check(of_listener::events.key, known));
    }
    types.sort();
    types.dedup();
    if reader.get(&program::redirect_stderr) {
        let message = format!(
            "[{section_name}] section sets redirect_stderr=true but this is not allowed because it will interfere with \
             the eventlistener protocol"
        );
        reader.fail(program::redirect_stderr.key, message);
    }
    let processes = programs.processes(section, name);
    let pool = EventListenerPool {
        buffer_size: usize::try_from(buffer_size).unwrap_or(usize::MAX),
        events: types,
        result_handler: result_handler?,
    };
    Some(programs.assemble(name.trim().to_owned(), priority, GroupKind::EventListener(pool), processes))
}

/// Checks that have to wait for the plugins, of which nothing is known when the config is read.
impl EventListenerPool {
    /// Check that the pool of that name asks only for types of events that Supervisor has, or that are among
    /// `declared`: those of plugins.
    pub fn check_types(&self, pool: &str, declared: &[String]) -> Result<(), ConfigError> {
        let is_known = |it: &&EventType| it.is_built_in() || declared.iter().any(|name| it.includes(name));
        match self.events.iter().find(|it| !is_known(it)) {
            Some(unknown) => {
                Err(about_pool(pool, |section| format!("Unknown event type {unknown} in [{section}] events")))
            }
            None => Ok(()),
        }
    }

    /// Make the error of a pool of that name whose result handler cannot be had.
    pub fn no_handler(&self, pool: &str, why: impl std::fmt::Display) -> ConfigError {
        ConfigError::unresolved(&self.result_handler.text, &format!("eventlistener:{pool}"), why)
    }
}

fn about_pool(pool: &str, message: impl FnOnce(&str) -> String) -> ConfigError {
    let section = format!("eventlistener:{pool}");
    ConfigError { section: Some(section.clone()), ..ConfigError::new(message(&section)) }
}

/// Read `result_handler=`: Supervisor's own, or one of a plugin, which is loaded later.
fn result_handler(reader: &Reader<'_>) -> Option<FactorySpec> {
    let key = of_listener::result_handler.key;
    let text = reader.get(&of_listener::result_handler);
    let place = reader.entry(key).map_or(&reader.section.place, |entry| &entry.place);
    let Some(spec) = FactorySpec::parse(&text, place) else {
        let message = format!("{text} cannot be resolved within [{}]", reader.section.name);
        reader.fail_with(key, message, Some("LIBRARY:HANDLER"));
        return None;
    };
    if spec.library == Library::BuiltIn && spec.text != DEFAULT_HANDLER {
        reader.fail_unresolved(key, &text, format_args!("built in is {DEFAULT_HANDLER}"));
        return None;
    }
    Some(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{Files, group};

    fn errors(text: &str) -> Vec<String> {
        Files::with(text).errors().iter().map(ToString::to_string).collect()
    }

    fn pool(lines: &str) -> (Group, EventListenerPool) {
        let config = Files::with(&format!("[eventlistener:l]\ncommand=x\n{lines}\n")).load();
        let group = group(&config, "l").clone();
        let GroupKind::EventListener(pool) = group.kind.clone() else { panic!("not a pool: {group:?}") };
        (group, pool)
    }

    #[test]
    fn a_pool_of_listeners() {
        let (group, pool) = pool("events=TICK_5,process_log,tick_5");
        assert_eq!((group.priority, group.processes[0].priority), (-1, 999));
        assert_eq!(group.processes[0].name, "l");
        assert_eq!(pool.buffer_size, 10);
        assert_eq!(pool.events.iter().map(ToString::to_string).collect::<Vec<_>>(), ["PROCESS_LOG", "TICK_5"]);
        assert_eq!(pool.result_handler.text, "supervisor.dispatchers:default_handler");
    }

    #[test]
    fn a_pool_says_more_than_a_program() {
        let lines =
            "events=EVENT\npriority=5\nbuffer_size=1000\nnumprocs=2\nprocess_name=%(program_name)s-%(process_num)d";
        let (group, pool) = pool(lines);
        assert_eq!((group.priority, group.processes[1].priority), (5, 5));
        assert_eq!((group.processes[1].name.as_str(), pool.buffer_size), ("l-1", 1000));
    }

    #[test]
    fn plugins_bring_handlers_and_types() {
        let (_, pool) = pool(
            "events=board_full,TICK\nresult_handler=my.module:handler\n[rpcinterface:board]\n\
             supervisor.rpcinterface_factory=board:make",
        );
        let types: Vec<_> = pool.events.iter().map(ToString::to_string).collect();
        assert_eq!(types, ["BOARD_FULL", "TICK"]);
        assert_eq!(pool.result_handler.factory, "handler");
    }

    #[test]
    fn what_is_wrong_with_a_pool() {
        let first = |lines: &str| errors(&format!("[eventlistener:l]\ncommand=x\n{lines}\n")).swap_remove(0);
        assert_eq!(first(""), "[eventlistener:l] section requires an \"events\" line");
        assert_eq!(first("events=TICK_5,"), "Unknown event type  in [eventlistener:l] events");
        assert_eq!(first("events=nope"), "Unknown event type NOPE in [eventlistener:l] events");
        assert_eq!(first("events=TICK_5\nbuffer_size=0"), "[eventlistener:l] section sets invalid buffer_size (0)");
        assert_eq!(
            first("events=TICK_5\nredirect_stderr=true"),
            "[eventlistener:l] section sets redirect_stderr=true but this is not allowed because it will interfere with \
             the eventlistener protocol"
        );
        assert_eq!(first("events=TICK_5\nresult_handler=x"), "x cannot be resolved within [eventlistener:l]");
        assert_eq!(
            first("events=TICK_5\nresult_handler=supervisor.module:handler"),
            "supervisor.module:handler cannot be resolved within [eventlistener:l]: built in is \
             supervisor.dispatchers:default_handler"
        );
        assert!(
            first("events=TICK_5\nstartsecs=x").starts_with("invalid literal for int() with base 10: 'x' in section")
        );
    }
}
