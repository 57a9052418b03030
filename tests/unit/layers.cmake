nlm_unit_test(test_layers LIBS nlm_ir nlm_support)
nlm_unit_test(test_lower_layers LIBS nlm_ir nlm_support)
