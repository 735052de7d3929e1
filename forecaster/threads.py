"""How many threads arithmetic may use."""

from threadpoolctl import threadpool_limits


def use_one_thread() -> None:
    """Keep BLAS to one thread, in this process and from now on.

    Our arrays are short: more threads spend their time waiting for each other (measured: six times the CPU time for one
    forecast on two busy cores), and the cores belong to answers and fits.
    """
    threadpool_limits(limits=1, user_api="blas")
