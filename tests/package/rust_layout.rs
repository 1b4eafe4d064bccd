// SPDX-License-Identifier: Apache-2.0
//! Prints lines as plugin_api/abi/layout-x86_64.txt has them, of the structs in Rust.
#[path = "templates/rust/trainer.rs"]
mod trainer;

use std::mem::{align_of, size_of, MaybeUninit};
use trainer::raw::*;

macro_rules! print_offsets {
    ($name:literal, $type:ty, $($field:ident),*) => {
        let place = MaybeUninit::<$type>::uninit();
        $(println!("{}.{} offset {} ", $name, if stringify!($field) == "kind" && $name == "trainer_value" { "type" } else { stringify!($field) },
            unsafe { std::ptr::addr_of!((*place.as_ptr()).$field) as usize } - place.as_ptr() as usize);)*
    };
}

fn main() {
    print_offsets!("trainer_text", Text, data, size);
    print_offsets!("trainer_value", Value, kind, integer, number, text);
    print_offsets!("trainer_map", Map, data, size, at, get, set, remove);
    print_offsets!("trainer_state", State, present, epoch, global_step, max_steps, num_train_epochs, train_batch_size);
    print_offsets!("trainer_control", Control, should_training_stop, should_epoch_stop, should_save, should_evaluate, should_log);
    print_offsets!("trainer_event", Event, kind, state, control, values);
    print_offsets!("trainer_host", Host, data, log, set_error, config_json, config, argument);
    print_offsets!("trainer_callback", Callback, data, destroy, get_extension, on_init_end, on_train_begin, on_log, on_push_begin);
    print_offsets!("trainer_note", Note<1>, abi_major, json_size, reserved);
    print_offsets!("trainer_plugin", Plugin, note, create, get_extension);
    println!("trainer_callback size {} align {}", size_of::<Callback>(), align_of::<Callback>());
    println!("trainer_value size {} align {}", size_of::<Value>(), align_of::<Value>());
    println!("trainer_plugin size {} align {}", size_of::<Plugin>(), align_of::<Plugin>());
}
