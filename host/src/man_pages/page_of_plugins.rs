//! supervisor-plugin(7), from the types of events, the codes of faults, and the search for libraries.

use super::roff::Page;
use crate::{events::EventType, plugin::SearchPath};

/// Make supervisor-plugin(7).
pub(super) fn supervisor_plugin() -> String {
    let mut page = Page::new("supervisor-plugin", 7, "plugins of supervisord and supervisorctl");
    page.heading("DESCRIPTION");
    page.paragraph(
        "A plugin is a dynamic library, written in Rust against the crate supervisor-plugin-api. One library may hold \
         several factories: of namespaces of XML-RPC methods, of actions of supervisorctl, and of result handlers, \
         which judge the answers of event listeners. The guide is the documentation of that crate.",
    );
    page.heading("CONFIGURATION");
    page.example(
        "[rpcinterface:hello]\nsupervisor.rpcinterface_factory = hello_plugin:make_hello_rpcinterface\n\n\
         [ctlplugin:hello]\nsupervisor.ctl_factory = hello_plugin:make_hello_controllerplugin\n\n\
         [eventlistener:hello]\ncommand = hello_listener\nevents = TICK_60\nresult_handler = hello_plugin:event_handler",
    );
    page.paragraph(
        "What stands before the colon is the library, without the lib before it and the .so behind it; what follows a \
         dot in it is ignored. With a / in it, it is the path of a file, relative to the config. What stands behind \
         the colon is the factory. All other keys of [rpcinterface:x] and [ctlplugin:x] are the plugin's.",
    );
    page.heading("SEARCH");
    page.paragraph("A library is looked for in these places, in order:");
    for (place, text) in SearchPath::PLACES {
        page.item(place, text);
    }
    page.paragraph(
        "A library that others than root and the running user can write is refused. A new version is put in its place \
         by a rename, and `supervisorctl upgrade` picks it up while all programs run; `supervisorctl plugins` lists \
         what is loaded.",
    );
    page.heading("EVENTS");
    page.paragraph("Types that listeners and plugins may ask for; one is also meant by the beginnings of its name:");
    for name in EventType::all_built_in() {
        page.item(name, "");
    }
    page.paragraph("Plugins may have types of their own.");
    page.heading("FAULTS");
    page.paragraph("Numbers and names of faults that Supervisor has; a plugin may have others:");
    for code in (0..=u8::MAX).filter_map(|number| plugin_api::Code::from_number(number.into())) {
        page.item(&(code as i32).to_string(), code.name());
    }
    page.heading("SEE ALSO");
    page.paragraph("supervisord(8), supervisorctl(1), supervisord.conf(5)");
    page.finish()
}
