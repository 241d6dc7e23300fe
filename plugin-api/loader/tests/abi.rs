//! The boundary is kept: what was built long ago, by another compiler, in another way or against a later API, loads and
//! works; what cannot fit is refused in two lines.
//!
//! All of them are the same plugin, `elder`, which uses everything that the API of 1.0.0 has.

#[path = "abi/build.rs"]
mod build;
#[path = "abi/play.rs"]
mod play;

use std::path::{Path, PathBuf};

use build::{Settings, Workshop, others, own};

/// The library that was built against 1.0.0, for machines of this kind; the recipe lies beside it.
fn kept() -> Option<PathBuf> {
    let file = format!("tests/elder/built/elder-1.0.0-{}.so", std::env::consts::ARCH);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    path.exists().then_some(path)
}

#[test]
fn the_plugin_that_was_built_against_1_0_0_loads_for_ever() {
    let Some(path) = kept() else {
        assert_ne!(std::env::consts::ARCH, "x86_64", "the library that is kept is gone");
        eprintln!("there is none for {}", std::env::consts::ARCH);
        return;
    };
    // Git keeps no modes but the executable bit, and a checkout may leave the file writable to a group.
    let copy = Workshop::new("kept").put(&path, "libelder.so");
    let library = play::open(&copy);
    assert_eq!((library.info().version.as_str(), library.info().api_version.as_str()), ("1.0.0", "1.0.0"));
    play::all(&library);
}

/// A debug build of our own compiler is what the plugins of all other tests are, and the later one below.
#[test]
fn plugins_of_other_compilers_and_settings_load() {
    let workshop = Workshop::new("settings");
    workshop.elder(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let mut ways = vec![(own(), Settings::Small)];
    ways.extend(others().into_iter().map(|toolchain| match toolchain.name.as_str() {
        "nightly" => (toolchain, Settings::Debug),
        _ => (toolchain, Settings::Release),
    }));
    let mut played = Vec::new();
    for (toolchain, settings) in ways {
        match workshop.build(&toolchain, settings, &format!("elder_{}", toolchain.name)) {
            Ok(library) => {
                play::all(&play::open(&library));
                played.push(format!("{} ({}) {settings:?}", toolchain.name, toolchain.version));
            }
            Err(reason) => eprintln!("{} ({}) could not build it: {reason}", toolchain.name, toolchain.version),
        }
    }
    eprintln!("played: {}", played.join(", "));
    assert!(
        played.first().is_some_and(|first| first.starts_with("own ")),
        "at least the compiler of this test builds it"
    );
}

#[test]
fn a_later_api_and_this_one_get_on_in_both_directions() {
    let workshop = Workshop::new("later");
    let api = workshop.later_api();
    workshop.elder(&api);
    let newer = workshop.build(&own(), Settings::Debug, "elder_later").expect("the later API compiles");
    let newer = play::open(&newer);
    assert_eq!(newer.info().api_version, "1.1.0");
    play::all(&newer);

    // And a host with the later API plays the plugin of this one, which lacks the method and the field.
    let older = kept().map(|path| workshop.put(&path, "libelder_kept.so"));
    let older = older.unwrap_or_else(|| panic!("no library is kept for {}", std::env::consts::ARCH));
    let said = workshop.run_later_host(&api, &older);
    assert_eq!(said, "1.0.0 and 0: Hello, world!\n", "what the plugin lacks has its default");
}

#[test]
fn what_cannot_fit_is_refused_in_two_lines() {
    let workshop = Workshop::new("unfit");
    let api = workshop.unfit_api();
    workshop.elder(&api);
    let library = workshop.build(&own(), Settings::Debug, "elder_unfit").expect("the other API compiles");
    let error = plugin_loader::Library::open(&library).unwrap_err().to_string();
    assert!(error.lines().count() <= 2, "{error}");
    assert!(error.contains("does not fit this host's 1.0.0") && error.contains("Fault"), "{error}");
    assert!(error.ends_with("build it again with supervisor-plugin-api 1.0.0"), "{error}");
}
