"""Reading inventories that other tools wrote. Pure: bytes in, a plan or every problem out."""
