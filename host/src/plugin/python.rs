//! Extensions of Supervisor in Python that config files name, and advice on what to use in the place of each.

/// Extensions by the first part of the factory specs that name them.
const KNOWN: &[(&str, &str)] = &[
    ("supervisorwildcards", "leave the section out; supervisorctl takes patterns by itself, as in start 'web_*'"),
    ("supervisorserialrestart", "leave the section out; use supervisorctl restart --rolling 'web:*'"),
    (
        "supervisor_quick",
        "leave the section out; start, stop and restart of several programs run side by side by themselves",
    ),
    ("quick", "leave the section out; start, stop and restart of several programs run side by side by themselves"),
    (
        "supervisor_stdout",
        "build examples/stdout, which has the same factory, or set stdout_logfile=/dev/stdout in the programs",
    ),
    ("multivisor", "leave the section out; there is no native one yet, and multivisor cannot reach this supervisord"),
    ("supvisors", "leave the section out; there is no native one, and this supervisord stands by itself"),
    ("mr", "leave the section out; mr.laforge's up and down are start and stop here"),
    ("superlance", "its listeners are programs of their own, and run as they are; no factory of it is needed"),
];

/// Find advice on what to use in the place of an extension in Python, if the library of that name is one.
pub(super) fn instead_of(library: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(name, _)| *name == library).map(|(_, instead)| *instead)
}
