// How the threads of a program wait for one another.
#pragma once

namespace ink::apps {

// Makes threads that wait for the others sleep after some microseconds. OpenMP's own default is to
// spin for milliseconds: on a machine with other work to do, that takes the core from the very
// thread that is waited for, and a step takes many times as long. The OpenMP runtimes read this
// setting only when a program starts, so the program starts itself once more, with the same
// arguments. Does nothing where the user has chosen (OMP_WAIT_POLICY, GOMP_SPINCOUNT,
// KMP_BLOCKTIME), or where a program cannot start itself.
void sleep_while_waiting(char** argv);

}  // namespace ink::apps
