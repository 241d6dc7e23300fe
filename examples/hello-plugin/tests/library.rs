//! The plugin as supervisord gets it: a library.

use plugin_api::{Fault, testing::FakeHost};

#[test]
fn the_library_greets() {
    let library = plugin_loader::built();
    assert_eq!(library.info().name, "hello-plugin");
    let hello = library.rpcinterface("make_hello_rpcinterface", &FakeHost::new(), []).unwrap();
    assert_eq!(hello.call("greet", ("world",)), Ok("Hello, world!".to_owned()));
    assert_eq!(hello.call::<String>("greet", ()), Err(Fault::incorrect_parameters()));
}
