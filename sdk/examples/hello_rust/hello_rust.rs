// SPDX-License-Identifier: Apache-2.0
//! A whole plugin in Rust: says the lowest loss when training ends.
//!
//!     rustc --edition 2021 --crate-type cdylib -O hello_rust.rs -o hello_rust.so

#[path = "trainer.rs"]
mod trainer;

use trainer::{guarded, Callback, Event, Host, Note, Plugin};

struct Lowest {
    host: *const Host,
    loss: f64,
    step: i64,
}

fn of(callback: *mut Callback) -> &'static mut Lowest {
    unsafe { &mut *((*callback).data as *mut Lowest) }
}

extern "C" fn on_log(callback: *mut Callback, event: *const Event) -> i32 {
    let lowest = of(callback);
    guarded(lowest.host, || {
        let event = unsafe { &*event };
        let logs = unsafe { event.values.as_ref() }.ok_or("on_log came without logs")?;
        if let Some(loss) = logs.number("loss") {
            if loss < lowest.loss {
                lowest.loss = loss;
                lowest.step = unsafe { (*event.state).global_step };
            }
        }
        Ok(())
    })
}

extern "C" fn on_train_end(callback: *mut Callback, _: *const Event) -> i32 {
    let lowest = of(callback);
    guarded(lowest.host, || {
        let text = format!("lowest loss: {} in step {}", lowest.loss, lowest.step);
        unsafe { (*lowest.host).log(trainer::INFO, &text) };
        Ok(())
    })
}

extern "C" fn destroy(callback: *mut Callback) {
    unsafe {
        drop(Box::from_raw((*callback).data as *mut Lowest));
        drop(Box::from_raw(callback));
    }
}

extern "C" fn create(host: *const Host, out: *mut *mut Callback) -> i32 {
    guarded(host, || {
        let mut made = Box::new(Callback::EMPTY);
        made.data = Box::into_raw(Box::new(Lowest { host, loss: f64::INFINITY, step: 0 })) as *mut _;
        made.destroy = Some(destroy);
        made.on_log = Some(on_log);
        made.on_train_end = Some(on_train_end);
        unsafe { *out = Box::into_raw(made) };
        Ok(())
    })
}

const JSON: &[u8] = br#"{"id": "hello_rust", "version": "1.0.0", "events": ["on_log", "on_train_end"],
  "description": "Says the lowest loss when training ends, from Rust."}"#;

const fn json() -> [u8; JSON.len()] {
    let mut bytes = [0; JSON.len()];
    let mut i = 0;
    while i < bytes.len() {
        bytes[i] = JSON[i];
        i += 1;
    }
    bytes
}

#[used]
#[link_section = ".trainer_note"]
static NOTE: Note<{ JSON.len() }> = Note::new(json());

static PLUGIN: Plugin = Plugin::new(&NOTE, create);

#[no_mangle]
pub extern "C" fn trainer_plugin_entry() -> *const Plugin {
    &PLUGIN
}
