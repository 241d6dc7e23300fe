//! [`export!`](crate::export!): the entry point that makes a library a plugin.

/// Make a library a plugin: write the entry point through which the host finds its factories.
///
/// Each factory is listed by its kind, and is found in the config by its name:
///
/// ```
/// # use plugin_api::{Config, Controller, Event, Fault, Host, Verdict, ctl_plugin, rpc_interface};
/// # struct Shelf;
/// # #[rpc_interface]
/// # impl Shelf {}
/// # struct Commands;
/// # #[ctl_plugin]
/// # impl Commands {}
/// // [rpcinterface:shelf]
/// // supervisor.rpcinterface_factory = shelf:make_shelf
/// fn make_shelf(supervisord: Host, config: Config) -> Result<Shelf, Fault> {
///     Ok(Shelf)
/// }
///
/// // [ctlplugin:shelf]
/// // supervisor.ctl_factory = shelf:make_commands
/// fn make_commands(controller: Controller, config: Config) -> Result<Commands, Fault> {
///     Ok(Commands)
/// }
///
/// // [eventlistener:x]
/// // result_handler = shelf:handle_result
/// fn handle_result(supervisord: &Host, event: &Event, result: &[u8]) -> Result<Verdict, Fault> {
///     Ok(if result == b"OK" { Verdict::Accept } else { Verdict::Reject })
/// }
///
/// plugin_api::export!(rpcinterface: make_shelf, ctl: make_commands, result_handler: handle_result);
/// # fn main() {}
/// ```
///
/// A plugin that publishes events of its own lists their types with its factory, so that `events=` of an event listener
/// can name them: `export!(rpcinterface: make_shelf { events: ["SHELF_FULL", "SHELF_EMPTY"] })`.
#[macro_export]
macro_rules! export {
    () => {
        compile_error!("a plugin exports its factories: `export!(rpcinterface: make_it, ctl: make_it_too)`");
    };
    ($($kind:ident: $factory:path $({ $($property:ident: [$($word:literal),+ $(,)?]),+ $(,)? })?),+ $(,)?) => {
        const _: () = $crate::__macro::check_factories(&[$((
            stringify!($kind),
            stringify!($factory),
            concat!(
                "`", stringify!($factory), "` has the name of another `", stringify!($kind), "` of this list, and the \
                 config finds a factory by that alone; rename one of the two functions"
            ),
            concat!(
                "the config finds a factory by its name, and `", stringify!($factory), "` does not end in one: write a \
                 function that calls it, and list that"
            ),
        )),+]);

        // The author's paths are resolved in here too, so each name is one that nobody else thinks of.
        const _: () = {
            struct __SupervisorPluginLibrary;

            extern "C" fn __supervisor_plugin_factories() -> $crate::RVec<$crate::abi::Factory> {
                [$($crate::__factory!($kind $factory; $($(($crate::__property!($property), &[$($word),+])),+)?)),+]
                    .into_iter()
                    .collect()
            }

            impl $crate::__macro::Library for __SupervisorPluginLibrary {
                fn plugin() -> $crate::abi::Plugin {
                    $crate::abi::Plugin {
                        api_version: $crate::__macro::API_VERSION.into(),
                        name: env!("CARGO_PKG_NAME").into(),
                        version: env!("CARGO_PKG_VERSION").into(),
                        unwinds: cfg!(panic = "unwind"),
                        factories: __supervisor_plugin_factories,
                    }
                }
            }

            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            static __SUPERVISOR_PLUGIN_ENTRY_POINT: $crate::__macro::LibHeader =
                $crate::__macro::entry_point::<__SupervisorPluginLibrary>();
        };
    };
    ($($other:tt)*) => {
        compile_error!("a factory is listed with its kind: `export!(rpcinterface: make_it, ctl: make_it_too)`");
    };
}

/// An entry of the list that `export!` writes.
#[doc(hidden)]
#[macro_export]
macro_rules! __factory {
    (rpcinterface $factory:path; $($properties:tt)*) => {
        $crate::__factory!(@ "rpcinterface" make_rpcinterface $factory; $($properties)*)
    };
    (ctl $factory:path; $($properties:tt)*) => {
        $crate::__factory!(@ "ctl" make_ctl $factory; $($properties)*)
    };
    (result_handler $factory:path; $($properties:tt)*) => {
        $crate::__factory!(@ "result_handler" make_result_handler $factory; $($properties)*)
    };
    (@ $kind:literal $make:ident $factory:path; $($properties:tt)*) => {{
        extern "C" fn __supervisor_plugin_make(
            host: $crate::NamespaceObject,
            options: $crate::RVec<$crate::Member>,
        ) -> $crate::__macro::RResult<$crate::NamespaceObject, $crate::Fault> {
            $crate::__macro::$make(stringify!($factory), $factory, host, options)
        }
        $crate::__macro::factory(stringify!($factory), $kind, __supervisor_plugin_make, &[$($properties)*])
    }};
    ($other:ident $factory:path; $($properties:tt)*) => {
        compile_error!(concat!(
            "there are no factories of the kind `", stringify!($other), "`; known are `rpcinterface`, `ctl` and \
             `result_handler`"
        ))
    };
}

/// Name of a property of a factory.
#[doc(hidden)]
#[macro_export]
macro_rules! __property {
    (events) => {
        "events"
    };
    ($other:ident) => {
        compile_error!(concat!("a factory has no `", stringify!($other), "`; known are `events`"))
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_entry_point_has_the_name_that_the_host_looks_for() {
        assert!(include_str!("export.rs").contains(abi_stable::library::ROOT_MODULE_LOADER_NAME));
    }
}
