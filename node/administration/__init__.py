"""What an administrator can have the node do, a module for each family of commands; `node.operations` is the table."""
