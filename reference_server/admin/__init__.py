"""`tonpo admin`: what an operator does on the machine where a gateway's data lies. One module for each noun."""
