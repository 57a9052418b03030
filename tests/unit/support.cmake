nlm_unit_test(test_support LIBS nlm_support)
nlm_unit_test(test_diag LIBS nlm_support)
nlm_unit_test(test_args LIBS nlm_support)
